FROM alpine:3
RUN echo  "a \
  b"   'c \
  d'  \
  e\
f\
  g
RUN x="$(echo "a \
   b")"; \
  y=$(echo a \
   b)
RUN ab\
cd
RUN echo a\ \
b
RUN echo it's \
  b
RUN a # b \
  c
CMD echo   a   b
