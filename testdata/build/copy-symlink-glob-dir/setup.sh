# sh, run in the prepared context folder
ln -s real ln
