from alpine:3 as Base
Run   echo a
copy --from=Base   /x	/y
healthcheck  --interval=5s   cmd  curl localhost
HEALTHCHECK none
onbuild  run   make
onbuild healthcheck cmd ["a","b"]
label  a=b   c="d  e"
arg  x   y=1
expose  80   81/udp
workdir  /a b
