# sh, run in the prepared context folder
ln -s real t/d
