# sh, run in the prepared context folder
chmod 700 .
