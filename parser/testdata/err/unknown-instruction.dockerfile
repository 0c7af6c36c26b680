FROM scratch
FNTRYPOINT x
rum x
RUN a &&
  make install
