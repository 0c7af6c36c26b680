# sh, run in the prepared context folder
ln -s real t/f; ln -s real t/l
