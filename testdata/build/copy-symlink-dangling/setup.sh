# sh, run in the prepared context folder
ln -s nowhere l
