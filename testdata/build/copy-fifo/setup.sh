# sh, run in the prepared context folder
mkfifo p
