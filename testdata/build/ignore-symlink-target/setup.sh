# sh, run in the prepared context folder
ln -s c l1
