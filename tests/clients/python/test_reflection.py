"""A client that has nothing but an address, as grpcurl does."""

from google.protobuf import descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

SERVICE = "falcogateway.v1.AlertService"
METRICS = "Falco internal: metrics snapshot"


def test_an_alert_is_read_with_reflection_alone(gateway, captures):
    gateway.post(*captures)
    with gateway.channel() as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert SERVICE in database.get_services()
        pool = descriptor_pool.DescriptorPool(database)
        method = pool.FindServiceByName(SERVICE).FindMethodByName("StreamAlerts")
        request = message_factory.GetMessageClass(method.input_type)
        answer = message_factory.GetMessageClass(method.output_type)
        call = channel.unary_stream(
            f"/{SERVICE}/StreamAlerts", request.SerializeToString, answer.FromString
        )
        message = request(filter="kind = metrics", stop_at_head=True)
        message.earliest.SetInParent()
        frames = list(call(message, timeout=30))
        rules = [record.alert.rule for frame in frames for record in frame.alerts.records]
        assert rules == [METRICS] * sum(METRICS in body for body in captures)


def test_health(gateway):
    with gateway.channel() as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", SERVICE):
            request = health_pb2.HealthCheckRequest(service=service)
            answer = health.Check(request, timeout=30, wait_for_ready=True)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
