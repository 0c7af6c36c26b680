python3 - <<'P'
import tarfile,io
t=tarfile.open('aaol.tar','w')
def add(n,ty=tarfile.REGTYPE,l='',d=b''):
    i=tarfile.TarInfo(n);i.type=ty;i.linkname=l;i.size=len(d);i.mtime=1400000000;t.addfile(i,io.BytesIO(d))
add('d/a',d=b'aaol')
add('l',tarfile.SYMTYPE,'d')
add('l/y',d=b'aaol1')
add('l/x/y',d=b'aaol2')
add('m',tarfile.SYMTYPE,'/d/../d')
add('m/z',d=b'aaol3')
add('h',tarfile.LNKTYPE,'l/y')
t.close()
P
