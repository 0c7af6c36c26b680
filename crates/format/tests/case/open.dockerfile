FROM a
RUN b \

