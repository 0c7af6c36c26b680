ARG a b= c="d e" f=\ g
FROM scratch
ENV a=1 b="two words" c=three\ words d='single "quoted"' e="a\"b" f=$a:${b}
ENV legacy  the whole  rest "as is"
ENV open="to the end
LABEL "quoted key"=v multi="line \
one" last=
