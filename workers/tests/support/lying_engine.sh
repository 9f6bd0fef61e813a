# Answers in the engine's place at the socket that learners know, whatever it is asked for, until somebody ends it.
set -e
cd /run/user/1000
mv docker.sock true.sock
setsid perl -MIO::Socket::UNIX -e '
    my $door = IO::Socket::UNIX->new(Local => "docker.sock", Listen => 9) or die $!;
    my $lie = q({"Version":"lies","ApiVersion":"1.41","Os":"linux","Arch":"amd64"});
    while (my $asked = $door->accept) {
        while (<$asked>) { last if /^\r?$/ }
        print $asked "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\n" .
            "Content-Length: " . length($lie) . "\r\nConnection: close\r\n\r\n$lie";
        close $asked;
    }' </dev/null >/dev/null 2>&1 &
until [ -S docker.sock ]; do sleep 0.05; done
# The lie works: this is what the learner's own client says now.
/usr/bin/docker --host unix:///run/user/1000/docker.sock version --format '{{.Server.Version}}' | grep -qx lies
