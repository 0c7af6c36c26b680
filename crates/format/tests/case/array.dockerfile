FROM alpine:3
CMD [ "a" ,"b c",   "d\"e" ]
ENTRYPOINT []
CMD [  ]
COPY ["a","b"]
VOLUME ["/a","/b"]
SHELL ["/bin/sh","-c"]
RUN ["a", \
     # why
     "b", \

   "c" \
  ]
RUN [ "not", json ]
