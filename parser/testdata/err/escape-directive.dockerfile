# escape=x
FROM scratch
RUN a \
  b
