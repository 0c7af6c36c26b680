FROM scratch
RUN --mount=type=bind,from=$x,target=/a --mount=a"b x
RUN --mount=type=bind,\
from=${y} x
