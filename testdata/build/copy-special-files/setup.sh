# sh, run in the prepared context folder
python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('sock')"; chmod 640 sock; mkfifo pipe; echo a > a
mknod null c 1 3; chmod 604 null; touch -d '2020-01-01 00:00:00 UTC' sock pipe null
