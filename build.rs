//! Compiles the protos with protox, so that building needs no protoc, and makes of them what
//! the page reads.

use std::{env, error::Error, fmt::Write, path::PathBuf};

use prost_build::Config;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

const PROTOS: [&str; 6] = [
    "falco/outputs.proto",
    "falco/version.proto",
    "falcogateway/v1/alert_service.proto",
    "falcogateway/v1/gateway_service.proto",
    "falcogateway/v1/ingest_service.proto",
    "falcogateway/v1/subscription_service.proto",
];

/// Methods whose answers are not encoded by tonic.
const SERVED_APART: [&str; 2] = ["StreamAlerts", "ConsumeSubscription"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    std::fs::write(
        out.join("falcogateway.bin"),
        prost::Message::encode_to_vec(&descriptors),
    )?;
    std::fs::write(out.join("schema.json"), schema(&descriptors))?;
    let mut config = Config::new();
    // The alert in a record is kept as the bytes it was encoded to once: see
    // `pb::AlertRecord`.
    config.extern_path(".falcogateway.v1.AlertRecord", "crate::pb::AlertRecord");
    config.btree_map(["."]);
    config.bytes([
        ".falcogateway.v1.Alert.raw",
        ".falcogateway.v1.PublishRequest",
        ".falcogateway.v1.PublishAlertsRequest",
        ".falcogateway.v1.DeadLetter",
    ]);
    tonic_prost_build::configure()
        .build_server(false)
        .compile_fds_with_config(descriptors.clone(), config)?;
    compile_servers(descriptors, out.join("server"))
}

/// The traits of the services, apart from the messages and without the methods
/// that are served apart.
fn compile_servers(mut descriptors: FileDescriptorSet, out: PathBuf) -> Result<(), Box<dyn Error>> {
    for service in descriptors
        .file
        .iter_mut()
        .flat_map(|file| &mut file.service)
    {
        service
            .method
            .retain(|method| !SERVED_APART.contains(&method.name()));
    }
    std::fs::create_dir_all(&out)?;
    let mut config = Config::new();
    config.extern_path(".falcogateway.v1", "crate::pb");
    config.extern_path(".falco", "crate::pb::falco");
    tonic_prost_build::configure()
        .build_client(false)
        .out_dir(out)
        .compile_fds_with_config(descriptors, config)?;
    Ok(())
}

/// The packages that the page needs.
const PACKAGES: [&str; 2] = ["falcogateway.v1", "google.protobuf"];

/// What the page's own codec goes by: `{"messages": {NAME: [[NUMBER, NAME, KIND, TYPE, REPEATED], ...]},
/// "enums": {NAME: {NUMBER: NAME}}, "methods": {PATH: [REQUEST, RESPONSE]}}`.
///
/// KIND is `map` for the entries of a map. All names are identifiers: nothing is to be
/// escaped.
fn schema(descriptors: &FileDescriptorSet) -> String {
    let mut parts = Parts::default();
    for file in &descriptors.file {
        let package = file.package();
        if PACKAGES.contains(&package) {
            parts.take_messages(package, &file.message_type);
            parts.take_enums(package, &file.enum_type);
            for service in &file.service {
                parts.take_service(package, service);
            }
        }
    }
    format!(
        "{{\"messages\":{{{}}},\"enums\":{{{}}},\"methods\":{{{}}}}}",
        parts.messages.join(","),
        parts.enums.join(","),
        parts.methods.join(","),
    )
}

#[derive(Default)]
struct Parts {
    messages: Vec<String>,
    enums: Vec<String>,
    methods: Vec<String>,
}

impl Parts {
    fn take_messages(&mut self, scope: &str, messages: &[DescriptorProto]) {
        for message in messages {
            let name = format!("{scope}.{}", message.name());
            let fields = message.field.iter().map(|it| field(it, message));
            let fields = fields.collect::<Vec<_>>().join(",");
            self.messages.push(format!("\"{name}\":[{fields}]"));
            self.take_messages(&name, &message.nested_type);
            self.take_enums(&name, &message.enum_type);
        }
    }

    fn take_enums(&mut self, scope: &str, enums: &[EnumDescriptorProto]) {
        for it in enums {
            let values = it
                .value
                .iter()
                .map(|value| format!("\"{}\":\"{}\"", value.number(), value.name()));
            let values = values.collect::<Vec<_>>().join(",");
            let name = it.name();
            self.enums.push(format!("\"{scope}.{name}\":{{{values}}}"));
        }
    }

    fn take_service(&mut self, package: &str, service: &ServiceDescriptorProto) {
        for method in &service.method {
            self.methods.push(format!(
                "\"/{package}.{}/{}\":[\"{}\",\"{}\"]",
                service.name(),
                method.name(),
                type_name(method.input_type()),
                type_name(method.output_type()),
            ));
        }
    }
}

fn field(field: &FieldDescriptorProto, message: &DescriptorProto) -> String {
    let name = field.type_name.as_deref().map(type_name);
    let is_map = message.nested_type.iter().any(|nested| {
        let is_entry = nested
            .options
            .as_ref()
            .is_some_and(|options| options.map_entry());
        is_entry && name.is_some_and(|name| name.ends_with(&format!(".{}", nested.name())))
    });
    let kind = if is_map { "map" } else { kind(field.r#type()) };
    let mut text = format!("[{},\"{}\",\"{kind}\"", field.number(), field.name());
    // It writes into memory.
    let _ = match name {
        Some(name) => write!(text, ",\"{name}\""),
        None => write!(text, ",null"),
    };
    text.push_str(if field.label() == Label::Repeated {
        ",true]"
    } else {
        "]"
    });
    text
}

fn kind(of: Type) -> &'static str {
    match of {
        Type::Double => "double",
        Type::Float => "float",
        Type::Int64 => "int64",
        Type::Uint64 => "uint64",
        Type::Int32 => "int32",
        Type::Fixed64 => "fixed64",
        Type::Fixed32 => "fixed32",
        Type::Bool => "bool",
        Type::String => "string",
        Type::Group => "group",
        Type::Message => "message",
        Type::Bytes => "bytes",
        Type::Uint32 => "uint32",
        Type::Enum => "enum",
        Type::Sfixed32 => "sfixed32",
        Type::Sfixed64 => "sfixed64",
        Type::Sint32 => "sint32",
        Type::Sint64 => "sint64",
    }
}

/// Without the dot before it.
fn type_name(name: &str) -> &str {
    name.trim_start_matches('.')
}
