# OpenSSL: digests, ciphers, signatures and key exchange with known answers, certificates, TLS with itself.
# tier: core
# packages: openssl
cd /work
export OPENSSL_CONF=/dev/null
head -c 1000000 /dev/zero >zeros
for d in md5 sha1 sha224 sha256 sha384 sha512 sha512-256 sha3-256 sha3-512 shake128 blake2b512 blake2s256 sm3 ripemd160; do openssl dgst -$d zeros; done
for c in aes-128-cbc aes-192-ctr aes-256-ecb aes-128-ofb aes-256-cfb camellia-128-cbc aria-256-ctr sm4-cbc chacha20 des-ede3-cbc; do
    openssl enc -$c -in zeros -K 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f -iv 0f0e0d0c0b0a09080706050403020100 2>/dev/null | openssl md5
done
openssl dgst -sha256 -hmac key zeros; openssl dgst -mac cmac -macopt cipher:aes-128-cbc -macopt hexkey:00112233445566778899aabbccddeeff zeros
openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt pass:secret -kdfopt salt:salt -kdfopt iter:5000 PBKDF2
openssl kdf -keylen 16 -kdfopt pass:a -kdfopt salt:b -kdfopt n:1024 -kdfopt r:8 -kdfopt p:1 SCRYPT
for a in "RSA -pkeyopt rsa_keygen_bits:2048" "EC -pkeyopt ec_paramgen_curve:P-256" "EC -pkeyopt ec_paramgen_curve:P-521" ED25519 ED448; do
    openssl genpkey -algorithm $a -out key.pem 2>/dev/null && openssl pkey -in key.pem -pubout -out pub.pem
    case $a in ED*) raw=-rawin; dg= ;; *) raw=-rawin; dg="-digest sha256" ;; esac
    head -c 500 zeros >message
    openssl pkeyutl -sign -inkey key.pem $raw $dg -in message -out sig && openssl pkeyutl -verify -pubin -inkey pub.pem $raw $dg -in message -sigfile sig
    printf x >>message; openssl pkeyutl -verify -pubin -inkey pub.pem $raw $dg -in message -sigfile sig 2>/dev/null
done
for i in 1 2; do openssl genpkey -algorithm X25519 -out x$i.pem; openssl pkey -in x$i.pem -pubout -out xp$i.pem; done
openssl pkeyutl -derive -inkey x1.pem -peerkey xp2.pem -out s1; openssl pkeyutl -derive -inkey x2.pem -peerkey xp1.pem -out s2; cmp s1 s2 && echo "same secret"
printf '[req]\ndistinguished_name=dn\n[dn]\n' >conf
openssl req -config conf -x509 -newkey rsa:2048 -nodes -keyout server.key -out server.crt -days 30 -subj /CN=localhost 2>/dev/null
openssl x509 -in server.crt -noout -subject; openssl verify -CAfile server.crt server.crt
for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256; do
    openssl s_server -accept 127.0.0.1:44330 -cert server.crt -key server.key -quiet -ciphersuites $suite -rev >/dev/null 2>&1 &
    server=$!
    for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/44330) 2>/dev/null && break; sleep 0.2; done
    (echo "hello over tls"; sleep 4) | openssl s_client -connect 127.0.0.1:44330 -CAfile server.crt -quiet -no_ign_eof -verify_return_error 2>/dev/null
    kill $server; wait $server 2>/dev/null
done
openssl prime -generate -bits 128 >/dev/null && openssl prime 170141183460469231731687303715884105727 | sed 's/.*is/is/'
openssl rand -hex 16 | wc -c
