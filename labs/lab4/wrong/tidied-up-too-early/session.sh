docker build -t api api
docker network create counting
docker run -d --name store --network counting redis:8
docker run -d --name api --network counting -p 8001:8000 -e STORE_HOST=store api
docker rm -f api store
docker network rm counting
