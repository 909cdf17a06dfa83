"""What a team would write: all ACTIVE task definitions by boto3, listed and then described by eight threads.

Usage: boto3_read.py ENDPOINT REGION MODE; retries as the product has them: ten after the first try.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

WORKERS = 8


def main(endpoint, region, mode):
    ecs = boto3.client(
        "ecs",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="simulated",
        aws_secret_access_key="simulated",
        config=Config(
            retries={"mode": mode, "total_max_attempts": 11},
            max_pool_connections=WORKERS,
        ),
    )
    calls, throttled = [], []

    # Appending is atomic, and returns None: anything else would stand for the answer.
    def sent(request, **_):
        return calls.append(request.url)

    def answered(response, **_):
        code = response and response[1].get("Error", {}).get("Code")
        return throttled.append(code) if code == "ThrottlingException" else None

    ecs.meta.events.register("before-send.ecs", sent)
    ecs.meta.events.register("needs-retry.ecs", answered)

    def describe(arn):
        try:
            return ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        except ClientError as error:
            return error

    start = time.monotonic()
    pages = ecs.get_paginator("list_task_definitions").paginate(status="ACTIVE", PaginationConfig={"PageSize": 100})
    arns = [arn for page in pages for arn in page["taskDefinitionArns"]]
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = list(pool.map(describe, arns))
    lost = [answer for answer in answers if isinstance(answer, ClientError)]
    wall = time.monotonic() - start
    said = {"wall": wall, "calls": len(calls), "throttled": len(throttled), "listed": len(arns), "lost": len(lost)}
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
