# a
  # check=skip=all
  # Base is it
  # else
FROM a AS base
  #
  ARG x
