RUN a
COPY b c
