//! The registry of objects. A fifth object needs one line here and one file in `ecs`. Settings, topics, schemas, wiring and reports
//! follow from them.

/// Hands the registry to another macro, in the contract's order: the contract's name of each object, and the type of the SDK that
/// implements `ecs::Object`.
macro_rules! for_each_object {
    ($consumer:ident) => {
        $consumer! {
            "EcsCluster" => Cluster,
            "EcsService" => Service,
            "EcsTask" => Task,
            "EcsTaskDefinition" => TaskDefinition,
        }
    };
}
pub(crate) use for_each_object;

macro_rules! names {
    ($($name:literal => $type:ident,)+) => {
        /// The names of all objects, in the contract's order.
        pub const OBJECTS: [&str; [$($name),+].len()] = [$($name),+];
    };
}
for_each_object!(names);

/// The place of an object in the contract.
pub(crate) fn place_of(object: &str) -> Option<usize> {
    OBJECTS.iter().position(|known| *known == object)
}
