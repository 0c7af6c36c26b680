FROM scratch
RUN one \
    two \   
	three
RUN escaped \\
RUN a\
b\
c
EN\
V a=b
RUN last \
