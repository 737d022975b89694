# Talk to a --listen-tls endpoint by hand: the address ($1), the CA's certificate ($2), the server's name ($3).
openssl s_client -quiet -connect "$1" -CAfile "$2" -verify_return_error -verify_hostname "$3" -alpn homeftp/1
