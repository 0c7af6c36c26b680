FROM scratch
LABEL x=1 y = z
LABEL x=1 y =z w=2
LABEL x=1 y= z
LABEL x=1 = z
ENV x=1 y = z=2
