//! The images that labs start from do in a learner's engine what people know of the real ones.

use crate::bed::{Bed, learner, works};

#[tokio::test]
async fn postgres_makes_its_database_once_and_keeps_it_in_a_volume() {
    let bed = Bed::with_all_images().await;
    let sandbox = bed.create().await;
    works(
        &bed,
        &sandbox,
        "docker network create net >/dev/null; mkdir init; echo 'create table t as select 42 as n;' > init/first.sql; \
         echo 'echo \"create table u ();\" | psql -v ON_ERROR_STOP=1 --username \"$POSTGRES_USER\" --dbname \"$POSTGRES_DB\"' > init/second.sh",
    )
    .await;
    let start = "docker run --detach --name db --network net --volume data:/var/lib/postgresql/data \
                 --volume \"$PWD/init:/docker-entrypoint-initdb.d:ro\" \
                 --env POSTGRES_USER=shop --env POSTGRES_PASSWORD=secret --env POSTGRES_DB=goods postgres:17 >/dev/null; \
                 ask() { docker run --rm --network net --env PGPASSWORD=\"$1\" postgres:17 \
                     psql --no-align --tuples-only --host db --username shop goods --command \"$2\"; }; \
                 until docker run --rm --network net postgres:17 pg_isready --quiet --host db; do sleep 0.2; done;";
    let asked = works(&bed, &sandbox, &format!("{start} ask secret 'select n from t, pg_tables where tablename = $$u$$'; docker exec db cat /proc/1/status | grep ^Uid")).await;
    assert_eq!(asked.lines().next(), Some("42"), "{asked}");
    assert!(asked.contains("999"), "the server runs as postgres: {asked}");
    let again = works(
        &bed,
        &sandbox,
        &format!(
            "docker stop db >/dev/null; docker inspect --format '{{{{.State.ExitCode}}}}' db; docker rm db >/dev/null; \
             {start} ask secret 'insert into t values (43); select count(*) from t' | tail -n 1; ! ask wrong 'select 1' 2>/dev/null"
        ),
    )
    .await;
    assert_eq!(again, "0\n2\n");
    let refused = learner(&bed, &sandbox, "docker run --rm postgres:17").await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.output.contains("POSTGRES_PASSWORD"), "{refused:?}");
}

#[tokio::test]
async fn redis_and_nginx_answer_others_and_end_when_they_are_told_to() {
    let bed = Bed::with_all_images().await;
    let sandbox = bed.create().await;
    let counted = works(
        &bed,
        &sandbox,
        "docker network create net >/dev/null; docker run --detach --name queue --network net redis:8 >/dev/null; \
         ask() { docker run --rm --network net redis:8 redis-cli -h queue \"$@\"; }; \
         until [ \"$(ask ping)\" = PONG ]; do sleep 0.2; done; ask incr n; docker stop queue >/dev/null; \
         docker inspect --format '{{.State.ExitCode}}' queue; docker start queue >/dev/null; \
         until [ \"$(ask ping)\" = PONG ]; do sleep 0.2; done; ask incr n; \
         docker run --rm redis:8 redis-server --version | grep --only-matching 'v=8'; docker exec queue stat --format %U /data",
    )
    .await;
    assert_eq!(counted, "1\n0\n2\nv=8\nredis\n");
    let served = works(
        &bed,
        &sandbox,
        "mkdir templates; echo 'server { listen 80; location / { return 200 \"${GREETING} from $host\\n\"; } }' > templates/default.conf.template; \
         docker run --detach --name web --publish 8080:80 --env GREETING=hello --volume \"$PWD/templates:/etc/nginx/templates\" nginx >/dev/null; \
         curl --silent --retry 50 --retry-all-errors --retry-delay 0 --retry-max-time 20 localhost:8080; \
         docker run --rm nginx sh -c 'cat /usr/share/nginx/html/index.html' | grep --only-matching 'Welcome to nginx' | head -n 1; \
         docker logs web 2>/dev/null | grep --count 'GET / '; \
         docker stop web >/dev/null; docker inspect --format '{{.State.ExitCode}}' web",
    )
    .await;
    assert_eq!(served, "hello from localhost\nWelcome to nginx\n1\n0\n");
}

#[tokio::test]
async fn node_and_go_build_and_run() {
    let bed = Bed::with_all_images().await;
    let sandbox = bed.create().await;
    let node = works(
        &bed,
        &sandbox,
        "docker run --rm --user node node:20-slim node -p 'process.version.split(`.`)[0] + ` ` + require(`os`).userInfo().username'; \
         printf 'FROM node:20-slim\\nWORKDIR /app\\nRUN npm init --yes && npm install is-odd@3.0.1\\nCMD [\"node\", \"-p\", \"require(\\x27is-odd\\x27)(3)\"]\\n' > Dockerfile; \
         docker build --quiet --tag odd . >/dev/null; docker run --rm odd",
    )
    .await;
    assert_eq!(node, "v20 node\ntrue\n");
    let go = works(
        &bed,
        &sandbox,
        "printf 'package main\\nfunc main() { println(42) }\\n' > main.go; printf 'module x\\ngo 1.24\\n' > go.mod; \
         printf 'FROM golang:1.24 AS build\\nWORKDIR /src\\nCOPY go.mod main.go ./\\nRUN CGO_ENABLED=0 go build -o /x .\\n\
                 FROM scratch\\nCOPY --from=build /x /x\\nENTRYPOINT [\"/x\"]\\n' > Dockerfile; \
         docker build --quiet --tag x . >/dev/null; docker run --rm x; docker run --rm golang:1.24 go version | grep --only-matching 'go1.24'",
    )
    .await;
    assert_eq!(go, "42\ngo1.24\n");
}
