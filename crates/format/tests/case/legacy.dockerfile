FROM alpine:3
ENV a b
ENV a   "b c"
ENV a b c
ENV  a   b  c
ENV a \
  b
ENV a $b
ENV a b=c
ENV a it\'s
LABEL a b
