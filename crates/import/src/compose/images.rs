//! The ports that well-known images expose, for services without ports in the file.

/// Images by their last name, with their ports.
const IMAGES: &[(&str, &[&str])] = &[
    ("adminer", &["8080"]),
    ("apache", &["80"]),
    ("caddy", &["80", "443"]),
    ("cassandra", &["9042"]),
    ("consul", &["8500"]),
    ("elasticsearch", &["9200", "9300"]),
    ("etcd", &["2379", "2380"]),
    ("ghost", &["2368"]),
    ("grafana", &["3000"]),
    ("haproxy", &["80"]),
    ("httpd", &["80"]),
    ("influxdb", &["8086"]),
    ("kafka", &["9092"]),
    ("kibana", &["5601"]),
    ("mailhog", &["1025", "8025"]),
    ("mariadb", &["3306"]),
    ("memcached", &["11211"]),
    ("minio", &["9000"]),
    ("mongo", &["27017"]),
    ("mysql", &["3306"]),
    ("nats", &["4222"]),
    ("nextcloud", &["80"]),
    ("nginx", &["80"]),
    ("phpmyadmin", &["80"]),
    ("postgis", &["5432"]),
    ("postgres", &["5432"]),
    ("prometheus", &["9090"]),
    ("rabbitmq", &["5672"]),
    ("redis", &["6379"]),
    ("registry", &["5000"]),
    ("tomcat", &["8080"]),
    ("traefik", &["80", "443"]),
    ("valkey", &["6379"]),
    ("vault", &["8200"]),
    ("wordpress", &["80"]),
    ("zookeeper", &["2181"]),
];

/// The ports that a known image exposes.
pub(super) fn exposed(image: &str) -> &'static [&'static str] {
    let image = image.split('@').next().unwrap_or(image);
    let last = image.rsplit('/').next().unwrap_or(image);
    let name = last.split(':').next().unwrap_or(last);
    let found = IMAGES.iter().find(|(known, _)| *known == name);
    found.map_or(&[], |(_, ports)| ports)
}
