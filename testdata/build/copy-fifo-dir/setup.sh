# sh, run in the prepared context folder
mkfifo d/p
