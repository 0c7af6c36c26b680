FROM a
ARG v
LABEL v=${v:?say which one} w=1
ENV a=1 b=${v:-x y}z \
  c="${v:-x y}"
ENV a=${v b=1}
