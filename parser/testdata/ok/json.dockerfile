FROM scratch
CMD ["a", "b\"c", "\u00e9\ud83d\ude00\n\ud800x"]
CMD [ ]
CMD ['a']
CMD ["a"] b
CMD ["a", ]
CMD [1e999]
ENTRYPOINT ["a \
b"]
COPY ["with blank", "/dest/"]
VOLUME ["/a", "/b c"]
VOLUME /a "/b c"
SHELL ["/bin/sh", "-c"]
HEALTHCHECK CMD ["x"]
