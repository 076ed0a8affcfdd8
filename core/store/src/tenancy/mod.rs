//! Organizations, roles and team (chapter 4.2 of the schema).

pub mod organization_members;
pub mod organizations;
pub mod rights;
pub mod roles;
pub mod standing;
pub mod team_invitations;
pub mod team_members;
pub mod team_roles;
pub mod whitelabel_settings;
