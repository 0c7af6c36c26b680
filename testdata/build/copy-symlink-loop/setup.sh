# sh, run in the prepared context folder
ln -s b a; ln -s a b
