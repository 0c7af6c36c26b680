python3 - <<'P'
import tarfile,io
t=tarfile.open('aadd.tar','w')
def add(n,ty=tarfile.REGTYPE,l='',d=b''):
    i=tarfile.TarInfo(n);i.type=ty;i.linkname=l;i.size=len(d);i.mtime=1400000000;t.addfile(i,io.BytesIO(d))
add('l',tarfile.SYMTYPE,'missing')
add('l/y',tarfile.DIRTYPE)
t.close()
P
