//! The registry of objects. A fifth object is one line here and one file in `ecs`; settings, topics, schemas, wiring and reports
//! follow from the two.

/// Hands the registry to another macro: the contract's name of each object and the SDK's type that `ecs` implements it on, in the
/// contract's order.
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
