# escape=`
FROM scratch
COPY a `
  C:\dir\
RUN dir c:\ ``
WORKDIR C:\a`
\b
