# sh, run in the prepared context folder
tar -cf e.tar -T /dev/null; head -c 1024 /dev/zero > zero; touch -d @1577934245 e.tar zero
