# The fingerprint of the CA's certificate in the file $1, and the name that its server's certificate bears.
digits=$(openssl x509 -in "$1" -outform DER | openssl dgst -sha256 -r | cut -d ' ' -f 1)
identifier=$(
    openssl x509 -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary |
        head -c 20 | base32 | tr A-Z a-z
)
echo "SHA256:$digits"
echo "server.$identifier.homeftp.internal"
