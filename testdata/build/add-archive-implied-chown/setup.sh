python3 - <<'P'
import tarfile,io
t=tarfile.open('aaic.tar','w')
def add(n,ty=tarfile.REGTYPE,l='',d=b''):
    i=tarfile.TarInfo(n);i.type=ty;i.linkname=l;i.size=len(d);i.mtime=1400000000;t.addfile(i,io.BytesIO(d))
add('d/e/f',d=b'aaic')
add('g/h',tarfile.DIRTYPE)
t.close()
P
