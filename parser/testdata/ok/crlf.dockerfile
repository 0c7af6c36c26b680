FROM scratch
RUN a \
  b
COPY <<E /x
one
E
CMD ["x"]
