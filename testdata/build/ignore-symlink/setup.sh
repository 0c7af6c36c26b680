# sh, run in the prepared context folder
ln -s c l1; ln -s c l2; ln -s c l3; ln -s d l4
