FROM a
RUN x
​RUN x
RUN​ x
CMD　x y
X y
