FROM scratch
COPY --link \
  # in between
  --chwon=a \

  a b
