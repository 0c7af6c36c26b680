# above, and dropped by the empty one
#
# kept
   # indented keeps its mark

FROM scratch
RUN a # not a comment \
  # gone
b
