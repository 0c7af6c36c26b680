python3 - <<'P'
import tarfile,io
t=tarfile.open('aaal.tar','w')
def add(n,ty=tarfile.REGTYPE,l='',d=b''):
    i=tarfile.TarInfo(n);i.type=ty;i.linkname=l;i.size=len(d);i.mtime=1400000000;t.addfile(i,io.BytesIO(d))
add('d/a',d=b'aaal')
add('m',tarfile.SYMTYPE,'/aaal/d')
add('m/z',d=b'aaal2')
t.close()
P
