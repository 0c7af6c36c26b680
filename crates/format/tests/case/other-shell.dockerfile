FROM a
SHELL ["/usr/bin/python3", "-c"]
RUN print("a") \
  if 1 else 2
