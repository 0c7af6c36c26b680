FROM a
ADD --from=x y z
RUN --link x
COPY --link=yes --parents=fales a b
RUN --network nnoe x
SHELL ['/bin/sh', '-c']
