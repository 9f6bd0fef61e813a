docker build -t api api
docker network create counting
docker run -d --name store --network counting redis:8
docker run -d --name api -p 8001:8000 -e STORE_HOST=store api
