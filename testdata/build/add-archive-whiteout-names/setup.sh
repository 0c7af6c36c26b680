# sh, run in the prepared context folder
python3 - <<'E'
import tarfile,io
def f(t,n,d=b'x\n',**k):
    i=tarfile.TarInfo(n); i.size=len(d); i.mtime=1400000000; i.mode=0o644
    for a,v in k.items(): setattr(i,a,v)
    if i.type!=tarfile.REGTYPE: i.size=0
    t.addfile(i,io.BytesIO(d) if i.size else None)
t=tarfile.open('x.tar','w')
f(t,'.wh.group',b'')
f(t,'f')
t.close()
E
