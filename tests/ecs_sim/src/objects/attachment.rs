//! A task's attachments: its network interface, and others before or after it.

use super::task::Sketch;
use crate::json::Json;
use crate::seal::{Hex, hash};

impl Sketch<'_> {
    pub(super) fn attachments(&self, json: &mut Json) {
        if self.on_instance {
            if self.ordinal.is_multiple_of(2) {
                json.texts("attachments", &[]);
            }
            return;
        }
        json.list("attachments", |list| match self.ordinal % 9 {
            1 => {
                self.service_connect(list);
                self.interface(list, 0);
            }
            2 => {
                self.volume(list);
                self.interface(list, 0);
            }
            3 => {
                self.interface(list, 0);
                self.service_connect(list);
            }
            5 => {
                self.interface(list, 0);
                self.interface(list, 1);
            }
            7 => {
                self.service_connect(list);
                self.volume(list);
                self.interface(list, 0);
            }
            _ => self.interface(list, 0),
        });
    }

    /// The network interface, at times in an early state: without a subnet, or with a detail that has no value.
    fn interface(&self, list: &mut Json, n: u64) {
        list.item(|json| {
            self.attachment_id(json, n);
            json.text("type", if self.ordinal % 9 == 6 { "eni" } else { "ElasticNetworkInterface" });
            json.text("status", if self.status == "STOPPED" { "DELETED" } else { "ATTACHED" });
            json.list("details", |details| {
                if self.ordinal % 9 != 4 {
                    details.item(|json| {
                        json.text("name", "subnetId");
                        json.format("value", format_args!("subnet-{}", Hex::<17>(self.ordinal % 6)));
                    });
                }
                details.item(|json| {
                    json.text("name", "networkInterfaceId");
                    json.format("value", format_args!("eni-{}", Hex::<17>(hash(self.draw, n))));
                });
                details.item(|json| {
                    json.text("name", "macAddress");
                    json.format("value", format_args!("0e:4f:{}:9b:8a:{}", Hex::<2>(self.draw), Hex::<2>(n)));
                });
                if self.ordinal % 9 == 6 {
                    details.record(&[("name", "privateDnsName")]);
                }
                details.item(|json| {
                    json.text("name", "privateIPv4Address");
                    self.address(json, "value", n);
                });
            });
        });
    }

    fn service_connect(&self, list: &mut Json) {
        list.item(|json| {
            self.attachment_id(json, 8);
            json.text("type", "Service Connect");
            json.text("status", "ATTACHED");
            json.list("details", |json| {
                json.record(&[("name", "ContainerName"), ("value", "ecs-service-connect")]);
            });
        });
    }

    fn volume(&self, list: &mut Json) {
        list.item(|json| {
            self.attachment_id(json, 9);
            json.text("type", "AmazonElasticBlockStorage");
            json.text("status", "ATTACHED");
            json.list("details", |details| {
                details.item(|json| {
                    json.text("name", "volumeId");
                    json.format("value", format_args!("vol-{}", Hex::<17>(hash(self.draw, 9))));
                });
                details.record(&[("name", "deleteOnTermination"), ("value", "true")]);
            });
        });
    }

    pub(super) fn attachment_id(&self, json: &mut Json, n: u64) {
        json.format("id", format_args!("{}-5c1d-4f0e-9a7b-{}", Hex::<8>(self.draw >> 32), Hex::<12>(n)));
    }

    pub(super) fn address(&self, json: &mut Json, key: &str, n: u64) {
        let [.., b, c] = self.draw.to_be_bytes();
        json.format(key, format_args!("10.{n}.{b}.{c}"));
    }
}
