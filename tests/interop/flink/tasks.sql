CREATE TABLE task (
    msg_key STRING,
    CLUSTER_ARN STRING,
    TASK_DEFINITION_ARN STRING,
    TAGS MAP<STRING, STRING>,
    CONTAINER_IMAGES ARRAY<STRING>,
    FIRST_SEEN TIMESTAMP(3),
    LAST_CAPTURED TIMESTAMP(3)
) WITH (
    'connector' = 'kafka',
    'topic' = 'sdm.ecs.task',
    'properties.bootstrap.servers' = 'localhost:9092',
    'scan.startup.mode' = 'earliest-offset',
    'scan.bounded.mode' = 'latest-offset',
    'key.format' = 'raw',
    'key.fields' = 'msg_key',
    'value.fields-include' = 'EXCEPT_KEY',
    'value.format' = 'avro-confluent',
    'value.avro-confluent.url' = 'http://localhost:8080/apis/ccompat/v7'
);

CREATE TABLE `task-definition` (
    TASK_DEFINITION_ARN STRING,
    FAMILY STRING,
    REVISION BIGINT,
    LAST_CAPTURED TIMESTAMP(3)
) WITH (
    'connector' = 'kafka',
    'topic' = 'sdm.ecs.task-definition',
    'properties.bootstrap.servers' = 'localhost:9092',
    'scan.startup.mode' = 'earliest-offset',
    'scan.bounded.mode' = 'latest-offset',
    'format' = 'avro-confluent',
    'avro-confluent.url' = 'http://localhost:8080/apis/ccompat/v7'
);

SELECT CLUSTER_ARN, COUNT(*) AS tasks FROM task
WHERE LAST_CAPTURED = (SELECT MAX(LAST_CAPTURED) FROM task) GROUP BY CLUSTER_ARN;

SELECT FAMILY, REVISION, COUNT(*) AS tasks FROM task
JOIN `task-definition` AS definition
ON task.TASK_DEFINITION_ARN = definition.TASK_DEFINITION_ARN AND task.LAST_CAPTURED = definition.LAST_CAPTURED
WHERE task.LAST_CAPTURED = (SELECT MAX(LAST_CAPTURED) FROM task) GROUP BY FAMILY, REVISION ORDER BY tasks DESC, REVISION LIMIT 3;

SELECT TAGS['team'] AS team, CONTAINER_IMAGES[1] AS image, FIRST_SEEN, LAST_CAPTURED FROM task ORDER BY msg_key LIMIT 3;
