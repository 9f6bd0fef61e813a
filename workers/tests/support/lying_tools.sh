# Puts tools that lie wherever a learner can put one. `docker` and its plugins say "lies" and succeed, whatever they are asked for.
set -e
mkdir -p ~/.local/bin ~/.docker/cli-plugins ~/.docker/buildx/instances
printf '#!/bin/sh\necho lies\n' > ~/.local/bin/docker
cat > ~/.docker/cli-plugins/docker-buildx <<'PLUGIN'
#!/bin/sh
case $1 in
docker-cli-plugin-metadata) echo '{"SchemaVersion":"0.1.0","Vendor":"liar","Version":"v1"}' ;;
*) echo lies ;;
esac
PLUGIN
cp ~/.docker/cli-plugins/docker-buildx ~/.docker/cli-plugins/docker-compose
# What the engine would be started with the next time.
for tool in git rootlesskit containerd dockerd; do cp ~/.local/bin/docker ~/.local/bin/$tool; done
chmod +x ~/.local/bin/* ~/.docker/cli-plugins/*
# Another engine, by a context, by a builder, by the shell's own start.
echo '{"currentContext":"liar"}' > ~/.docker/config.json
echo '{"Key":"unix:///tmp/liar.sock","Name":"liar","Global":true}' > ~/.docker/buildx/current
for file in ~/.bashrc ~/.profile ~/.bash_profile; do echo 'export DOCKER_HOST=unix:///tmp/liar.sock' >> $file; done
# The lie works: this is what the learner's own build says now.
PATH=~/.local/bin:$PATH docker build . | grep -qx lies
/usr/bin/docker build . | grep -qx lies
bash -lc 'echo $DOCKER_HOST' | grep -qx unix:///tmp/liar.sock
