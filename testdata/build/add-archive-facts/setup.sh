# sh, run in the prepared context folder
python3 - <<'E'
import tarfile,io
def f(t,n,d=b'x\n',**k):
    i=tarfile.TarInfo(n); i.size=len(d); i.mtime=1400000000; i.mode=0o644
    for a,v in k.items(): setattr(i,a,v)
    if i.type!=tarfile.REGTYPE: i.size=0
    t.addfile(i,io.BytesIO(d) if i.size else None)
t=tarfile.open('x.tar','w',format=tarfile.PAX_FORMAT)
f(t,'suid',mode=0o6755,uid=1,gid=2)
f(t,'d/',type=tarfile.DIRTYPE,mode=0o1000,uid=3000000,gid=4)
f(t,'d/f',mode=0)
f(t,'old',mtime=1)
f(t,'named',uid=7,gid=8,uname='nobody',gname='nogroup')
t.close()
E
